import { join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Two pages, so that neither loads the other's code: `/` is the chat, `/cluster` the cluster view. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    rolldownOptions: {
      input: { chat: join(import.meta.dirname, 'index.html'), cluster: join(import.meta.dirname, 'cluster.html') },
    },
  },
});
