/* Load balancers in front of gateways, and the test suite for all of them. */
export * from './balancer.ts';
export * from './balancer-suite.ts';
export * from './haproxy.ts';
