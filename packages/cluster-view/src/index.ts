export { type ClusterView, type ClusterViewParts, openClusterView } from './cluster-view.ts';
export { connectClusterView } from './connect-cluster-view.ts';
export { API_PATH } from './http/routes.ts';
