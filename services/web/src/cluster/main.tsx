import { mount } from '../ui/mount.tsx';
import { ClusterPage } from './cluster-page.tsx';

mount(<ClusterPage />);
