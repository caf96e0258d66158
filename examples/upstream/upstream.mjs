// An API behind Tollward. It believes the signed assertion, and nothing else that a request says about its caller.
import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const { ISSUER: issuer = 'https://localhost:8443', PORT: port = '8080' } = process.env;
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', issuer));
const expected = { issuer, audience: 'example', typ: 'tollward-assertion+jwt', algorithms: ['ES256'] };

const server = createServer((request, response) => {
  jwtVerify(request.headers['tollward-assertion'] ?? '', keys, expected).then(
    ({ payload: { environment, token_kind, client_id, organisation_id } }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ environment, token_kind, client_id, organisation_id }));
    },
    ({ message }) => response.writeHead(401, { 'tollward-refusal': `the assertion: ${message}` }).end(),
  );
});
server.listen(Number(port), '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
