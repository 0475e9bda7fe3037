/* Tables as text and charts as SVG, for the reports of load tests. */
export * from './align-rows.ts';
export * from './chart.ts';
export * from './rounded-json.ts';
