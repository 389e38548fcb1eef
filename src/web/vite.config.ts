import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import preact from '@preact/preset-vite';
import { defineConfig, type Plugin } from 'vite';

const OUTPUT = join(import.meta.dirname, '../../dist/web');

/** Compressed copies beside the files, once here instead of for every request. */
function compressedCopies(): Plugin {
  return {
    name: 'compressed-copies',
    closeBundle() {
      for (const name of readdirSync(OUTPUT, { recursive: true })) {
        const file = join(OUTPUT, name.toString());
        if (!/\.(html|js|css|svg)$/.test(file)) continue;
        const content = readFileSync(file);
        const size = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
        writeFileSync(`${file}.br`, brotliCompressSync(content, { params: size }));
        writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}

/** The playground: static files, no request to anywhere but the server that serves them. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [preact(), compressedCopies()],
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    target: 'es2022',
    // Inline styles and data URLs would need holes in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
