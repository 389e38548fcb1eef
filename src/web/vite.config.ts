import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';

/** The playground: static files, no request to anywhere but the server that serves them. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [preact()],
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    // Inline styles and data URLs would need holes in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
