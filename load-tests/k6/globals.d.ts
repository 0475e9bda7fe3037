/*
 * The globals that these scripts use. k6 documents them beside its modules, and Node has them too. `__ENV` is in the
 * types of k6.
 */

declare function setTimeout(callback: () => void, ms?: number): number;
declare function clearTimeout(id: number | undefined): void;
declare function setInterval(callback: () => void, ms: number): number;
declare function clearInterval(id: number | undefined): void;

interface HmacKey {
  readonly type: string;
}

/** https://grafana.com/docs/k6/latest/javascript-api/crypto/ */
declare const crypto: {
  subtle: {
    importKey(
      format: 'raw',
      key: Uint8Array,
      algorithm: { name: 'HMAC'; hash: 'SHA-256' },
      extractable: boolean,
      usages: 'sign'[],
    ): Promise<HmacKey>;
    sign(algorithm: 'HMAC', key: HmacKey, data: Uint8Array): Promise<ArrayBuffer>;
  };
};
