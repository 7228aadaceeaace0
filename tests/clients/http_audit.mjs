// The official audits of GraphQL over HTTP against a server: `node http_audit.mjs URL`.
// Prints one JSON array with an object for each audit: id, name, status (ok, notice, warn or
// error) and the reason for anything but ok.
import { serverAudits } from 'graphql-http';

const url = process.argv[2];
const results = [];
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const { id, name } = audit;
  try {
    const { status, reason } = await audit.fn();
    results.push({ id, name, status, reason });
  } catch (error) {
    results.push({ id, name, status: 'error', reason: String(error) });
  }
}
console.log(JSON.stringify(results));
