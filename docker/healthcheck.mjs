/** Exits 0 while the server in this container is ready; the images have no curl. */
const scheme = process.env.ETAP_SERVER_TLS_CERT_FILE ? 'https' : 'http';
const port = process.env.ETAP_SERVER_PORT ?? '8000';
// The certificate is for the name clients use, not for this address.
if (scheme === 'https') process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
try {
  const answer = await fetch(`${scheme}://127.0.0.1:${port}/health/ready`, {
    signal: AbortSignal.timeout(3000),
  });
  process.exitCode = answer.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
