/* Load balancers in front of gateways, and the suite that each of them passes. */
export * from './balancer.ts';
export * from './balancer-suite.ts';
export * from './haproxy.ts';
