import { expect } from 'chai';
import manifest from '../package.json' with { type: 'json' };
import { startEdge } from './http-app.ts';

const ORIGIN = 'https://app.example.com';

describe('The documentation page', () => {
  it('loads everything from its own host, under a strict policy', async () => {
    await using edge = await startEdge();
    for (const path of ['/api/docs', '/api/docs/']) {
      const page = await edge.get(path, { headers: { authorization: '' } });
      expect(page.status).to.equal(200);
      expect(page.headers.get('content-type')).to.equal('text/html; charset=utf-8');
      expect(page.headers.get('content-security-policy'))
        .to.match(/default-src 'none'/)
        .and.not.match(/unsafe|http|\*/);
      const html = await page.text();
      expect(html).not.to.match(/<script>|<style|style=|onload|https?:/);
      const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
      expect(assets).to.have.length(4);
      for (const asset of assets) {
        const answer = await edge.get(asset);
        expect(answer.status, asset).to.equal(200);
        expect(answer.headers.get('content-type')).to.match(typeOf(asset));
        expect(answer.headers.get('x-content-type-options')).to.equal('nosniff');
        expect(Number((await answer.arrayBuffer()).byteLength)).to.be.above(100);
      }
    }
  });

  it('shows the document, without a validator on another host', async () => {
    await using edge = await startEdge();
    const start = await (await edge.get('/api/docs/start.js')).text();
    expect(start).to.contain("url: '/api/docs.json'").and.contain('validatorUrl: null').and.not.contain('http');
    for (const path of ['/api/docs.json', '/api/asyncapi.json']) {
      expect(await (await edge.get(path)).json()).to.have.nested.property('info.version', manifest.version);
    }
  });

  it('is the target of the redirect from the root', async () => {
    await using edge = await startEdge();
    const answer = await edge.get('/');
    expect(answer.status).to.equal(302);
    expect(answer.headers.get('location')).to.equal('/api/docs');
  });
});

describe('Headers', () => {
  it('reveal neither the software nor TLS, and forbid scripts', async () => {
    await using edge = await startEdge();
    for (const path of ['/healthz', '/nowhere', '/api/messages/conversations']) {
      const { headers } = await edge.get(path);
      expect(headers.get('x-powered-by')).to.equal(null);
      expect(headers.get('strict-transport-security')).to.equal(null);
      expect(headers.get('content-security-policy')).to.equal("default-src 'none';frame-ancestors 'none'");
      expect(headers.get('x-content-type-options')).to.equal('nosniff');
    }
  });
});

describe('Other origins', () => {
  it('cannot read answers by default', async () => {
    await using edge = await startEdge();
    const { headers } = await edge.get('/api/messages/conversations', { headers: { origin: ORIGIN } });
    expect(headers.get('access-control-allow-origin')).to.equal(null);
    const preflight = await edge.get('/api/conversations', preflightFrom(ORIGIN));
    expect(preflight.headers.get('access-control-allow-origin')).to.equal(null);
  });

  it('can read answers if their exact name is allowed, errors included', async () => {
    await using edge = await startEdge({}, { ALLOWED_ORIGINS: ORIGIN });
    for (const path of ['/api/messages/conversations', '/api/messages/with/%00', '/api/nowhere']) {
      const { headers } = await edge.get(path, { headers: { origin: ORIGIN } });
      expect(headers.get('access-control-allow-origin')).to.equal(ORIGIN);
      expect(headers.get('access-control-expose-headers')).to.equal('X-Gateway-Id,Retry-After');
      expect(headers.get('vary')).to.match(/Origin/);
      expect(headers.get('access-control-allow-credentials')).to.equal(null);
    }
    for (const origin of [`${ORIGIN}.evil.example`, `${ORIGIN}:8443`, 'http://app.example.com', 'null']) {
      const { headers } = await edge.get('/api/messages/conversations', { headers: { origin } });
      expect(headers.get('access-control-allow-origin'), origin).to.equal(null);
    }
  });

  it('may send a token after a preflight', async () => {
    await using edge = await startEdge({}, { ALLOWED_ORIGINS: '*', NODE_ENV: 'development' });
    const preflight = await edge.get('/api/conversations', preflightFrom(ORIGIN));
    expect(preflight.status).to.equal(204);
    expect(preflight.headers.get('access-control-allow-origin')).to.equal('*');
    expect(preflight.headers.get('access-control-allow-headers')).to.equal('Authorization,Content-Type,Traceparent');
    expect(preflight.headers.get('access-control-allow-methods')).to.equal('GET,HEAD,POST,PUT,PATCH,DELETE');
    expect(preflight.headers.get('x-gateway-id')).to.equal('gateway-7');
  });

  it('can never read probes', async () => {
    await using edge = await startEdge({}, { ALLOWED_ORIGINS: '*', NODE_ENV: 'development' });
    for (const path of ['/healthz', '/readyz']) {
      const { headers } = await edge.get(path, { headers: { origin: ORIGIN } });
      expect(headers.get('access-control-allow-origin')).to.equal(null);
    }
  });
});

function typeOf(asset: string): RegExp {
  if (asset.includes('.css')) return /^text\/css/;
  return asset.includes('.png') ? /^image\/png/ : /^text\/javascript/;
}

function preflightFrom(origin: string): RequestInit {
  return {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  };
}
