import { mount } from '../ui/mount.tsx';
import { startApplication } from './application.ts';
import { ChatPage } from './chat-page.tsx';

void startApplication();
mount(<ChatPage />);
