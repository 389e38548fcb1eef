/**
 * The playground: the files of the built page. Each has a route of its own, known at start, so that
 * a request never chooses a path and the list of routes open without a key stays exact.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** A file of the page, by its path within the folder. */
export type PageFile = { readonly route: string; readonly path: string };

/** File names under this folder hold a digest of their content. */
const HASHED = 'assets/';
/** Written beside the files by the build, and sent in their place to clients that take them. */
const COMPRESSED = /\.(gz|br)$/;

/** Everything comes from this server, no script stands in the page, and nobody may frame it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** The files to serve; none when the page was not built. */
export function pageFiles(folder: string): readonly PageFile[] {
  if (!existsSync(join(folder, 'index.html'))) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name.toString()))
    .filter((file) => statSync(file).isFile() && !COMPRESSED.test(file))
    .map((file) => relative(folder, file).split(sep).join('/'))
    .map((path) => ({ path, route: path === 'index.html' ? '/' : `/${path}` }));
}

export function addPlayground(
  app: FastifyInstance,
  page: { readonly folder: string; readonly files: readonly PageFile[] },
): void {
  if (page.files.length === 0) return;
  app.register(fastifyStatic, {
    root: page.folder,
    serve: false,
    cacheControl: false,
    preCompressed: true,
  });
  for (const { path, route } of page.files) {
    const cacheControl = path.startsWith(HASHED)
      ? 'public, max-age=31536000, immutable'
      : 'no-cache';
    app.get(route, (_request, reply) =>
      reply.headers({ ...SECURITY_HEADERS, 'cache-control': cacheControl }).sendFile(path),
    );
  }
}
