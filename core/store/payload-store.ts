import { nameText } from '../abi/payload-name.js';
import { pathBytes } from '../abi/raw-path.js';
import { typedDigits } from '../abi/typed-id.js';
import { isDraft, type KeptFolder } from '../files/index.js';
import { alike, didYouMean, XspliceError } from '../findings/index.js';
import type { SignatureFile as FoundSignature } from '../inputs/index.js';
import { type InputFile, type PayloadInput, sha256Of } from '../payload/index.js';
import { markFormat, reading, requireKnownFormat, writing } from './store-format.js';
import { formatAbout, parseAbout, type StoredPayload } from './stored-payload.js';

const PAYLOADS = 'payloads';
/** Written last: a payload without it was never wholly added. */
const ABOUT = 'about.json';
const DIGEST = /^[0-9a-f]{64}$/;

/** A payload that is to be kept. */
export interface NewPayload {
  readonly payload: PayloadInput;
  readonly signatures: readonly Pick<FoundSignature, 'suffix' | 'bytes'>[];
}

/** What was found of a stored payload when all of it was read. */
export interface StoredState {
  readonly sha256: string;
  /** Null where what is kept beside it cannot be read. */
  readonly payload: StoredPayload | null;
  /** Why it is not to be used, following its name; null where it is as it was added. */
  readonly wrong: string | null;
}

/** What came of adding a payload. */
export interface Added {
  readonly payload: StoredPayload;
  /** False where its bytes were there already. */
  readonly isNew: boolean;
}

/**
 * Payloads by their content: `payloads/SHA256/` holds a payload's file, the signatures beside it, and `about.json`. What
 * is not what its digest says is reported, and never given out.
 *
 * Fails with `store-not-readable`, `store-not-writable`, `store-damaged`, `store-too-new`, `folder-not-trusted`.
 */
export class PayloadStore {
  readonly #folder: KeptFolder;

  constructor(folder: KeptFolder) {
    this.#folder = folder;
  }

  get path(): string {
    return this.#folder.path;
  }

  /** Keeps payloads, each unless it is there: then signatures that are new are kept beside it, and all else stays. */
  add(payloads: readonly NewPayload[]): Promise<readonly Added[]> {
    return this.#alone(async () => {
      await markFormat(this.#folder);
      const added: Added[] = [];
      for (const payload of payloads) added.push(await this.#add(payload));
      return added;
    });
  }

  /** All payloads, by name, without a look at their bytes. What cannot be read is left to {@link verify}. */
  async list(): Promise<readonly StoredPayload[]> {
    const all = await Promise.all((await this.#digests()).map((sha256) => this.#about(sha256)));
    return all
      .flatMap((payload) => payload ?? [])
      .sort((a, b) => compare(a.name, b.name) || compare(a.addedAt, b.addedAt));
  }

  /** Reads everything, and says of each payload whether it is as it was added. */
  async verify(): Promise<readonly StoredState[]> {
    const states: StoredState[] = [];
    for (const sha256 of await this.#digests()) states.push(await this.#state(sha256));
    return states;
  }

  /**
   * The payload that a person means by a name, or by the first eight or more digits of a build-id or digest; null where
   * there is none. Fails with `store-ambiguous`.
   */
  async find(text: string): Promise<StoredPayload | null> {
    const name = pathBytes(text).toString('latin1');
    const digits = typedDigits(text);
    const all = await this.list();
    const named = all.filter((payload) => payload.name === name);
    const meant =
      named.length > 0 || digits === null
        ? named
        : all.filter((one) => one.buildId?.startsWith(digits) || one.sha256.startsWith(digits));
    const [only, ...others] = meant;
    if (others.length === 0) return only ?? null;
    const ids = meant.map(({ buildId, sha256 }) => buildId ?? sha256).join(', ');
    throw new XspliceError(
      'store-ambiguous',
      `${meant.length} payloads of the store ${this.path} are meant by ${text}: ${ids}`,
    );
  }

  /** As {@link find}. Fails with `store-no-such-payload` where there is none. */
  async require(text: string): Promise<StoredPayload> {
    const found = await this.find(text);
    if (found !== null) return found;
    const names = (await this.list()).map(({ name }) => nameText(name));
    const hint =
      names.length === 0
        ? 'It is empty. A file is added with xsplice-ts store add.'
        : `${didYouMean(alike(text, names))}xsplice-ts store list shows what is in it.`;
    throw new XspliceError(
      'store-no-such-payload',
      `The store ${this.path} has no payload with the name, build-id or digest ${text}`,
      { hint },
    );
  }

  /** The very bytes that were added. Fails with `store-damaged` where they are not what the digest says. */
  async read(payload: StoredPayload): Promise<InputFile> {
    const name = `${folderOf(payload.sha256)}/${payload.file}`;
    const bytes = await reading(this.#folder, name, () => this.#folder.read(name));
    const wrong = whatIsWrong(payload.sha256, bytes);
    if (bytes === null || wrong !== null) {
      throw new XspliceError(
        'store-damaged',
        `${nameText(payload.name)} in the store ${this.path} is not used: ${payload.file} ${wrong}`,
      );
    }
    const { sha256 } = payload;
    return { file: `${this.path}/${name}`, bytes, sha256, name: payload.name };
  }

  /** What was kept beside it and may be its signature. */
  async signatures({
    sha256,
    signatures,
  }: StoredPayload): Promise<readonly Pick<FoundSignature, 'file' | 'bytes'>[]> {
    const files = await Promise.all(
      signatures.map(async (name) => {
        const file = `${folderOf(sha256)}/${name}`;
        const bytes = await reading(this.#folder, file, () => this.#folder.read(file));
        return bytes === null ? [] : [{ file: `${this.path}/${file}`, bytes }];
      }),
    );
    return files.flat();
  }

  /** Removes these payloads, and what was never wholly added. Gives the digests that are gone. */
  remove(unwanted: (sha256: string, payload: StoredPayload | null) => boolean): Promise<string[]> {
    return this.#alone(async () => {
      const gone: string[] = [];
      for (const sha256 of await this.#digests()) {
        const payload = await this.#about(sha256).catch(() => null);
        if (!unwanted(sha256, payload)) continue;
        // First what makes it a payload: whatever comes between, no half of one is left that looks whole.
        await this.#folder.remove(`${folderOf(sha256)}/${ABOUT}`);
        await this.#folder.removeFolder(folderOf(sha256));
        gone.push(sha256);
      }
      return gone;
    });
  }

  async #add({ payload: { input, planned }, signatures }: NewPayload): Promise<Added> {
    const present = await this.#whole(input.sha256);
    const file = present?.file ?? fileNameOf(input);
    const kept = new Set(present?.signatures ?? []);
    const fresh = signatures
      .map(({ suffix, bytes }) => ({ name: `${file}${suffix}`, bytes }))
      .filter(({ name }) => !kept.has(name));
    if (present !== null && fresh.length === 0) return { payload: present, isNew: false };
    const folder = folderOf(input.sha256);
    if (present === null) await this.#folder.write(`${folder}/${file}`, input.bytes);
    for (const { name, bytes } of fresh) await this.#folder.write(`${folder}/${name}`, bytes);
    const payload: StoredPayload = {
      ...{ sha256: input.sha256, name: planned.name, file, from: input.file },
      ...{ addedAt: new Date().toISOString(), sizeBytes: input.bytes.length },
      ...{ buildId: planned.buildId, depends: planned.depends, xenDepends: planned.xenDepends },
      ...present,
      signatures: [...kept, ...fresh.map(({ name }) => name)].sort(),
    };
    await this.#folder.write(`${folder}/${ABOUT}`, formatAbout(payload));
    return { payload, isNew: present === null };
  }

  async #alone<T>(run: () => Promise<T>): Promise<T> {
    return writing(this.#folder, () =>
      this.#folder.exclusive(`The store ${this.path}`, async () => {
        await requireKnownFormat(this.#folder);
        return run();
      }),
    );
  }

  async #digests(): Promise<readonly string[]> {
    await requireKnownFormat(this.#folder);
    const names = await reading(this.#folder, PAYLOADS, () => this.#folder.list(PAYLOADS));
    return names.filter((name) => DIGEST.test(name) && !isDraft(name));
  }

  /** Null where the payload was never wholly added. */
  async #about(sha256: string): Promise<StoredPayload | null> {
    const name = `${folderOf(sha256)}/${ABOUT}`;
    const bytes = await reading(this.#folder, name, () => this.#folder.read(name));
    return bytes === null ? null : parseAbout(this.#folder, name, bytes);
  }

  async #state(sha256: string): Promise<StoredState> {
    let payload: StoredPayload | null = null;
    try {
      payload = await this.#about(sha256);
      if (payload === null) return { sha256, payload, wrong: 'was never wholly added' };
      const name = `${folderOf(sha256)}/${payload.file}`;
      const bytes = await reading(this.#folder, name, () => this.#folder.read(name));
      return { sha256, payload, wrong: whatIsWrong(sha256, bytes) };
    } catch (error) {
      if (!(error instanceof XspliceError)) throw error;
      return { sha256, payload, wrong: error.message };
    }
  }

  /** What is kept of it where all of that is as it was added; null where it has to be written anew. */
  async #whole(sha256: string): Promise<StoredPayload | null> {
    const { payload, wrong } = await this.#state(sha256);
    return wrong === null ? payload : null;
  }
}

function folderOf(sha256: string): string {
  return `${PAYLOADS}/${sha256}`;
}

/** The last part of the path, as a name that is no other file of ours. */
function fileNameOf({ file }: InputFile): string {
  const base = file.split('/').at(-1) ?? '';
  const isUsable = base !== '' && base !== '.' && base !== '..' && base !== ABOUT && !isDraft(base);
  return isUsable ? base : 'payload.livepatch';
}

function whatIsWrong(sha256: string, bytes: Uint8Array | null): string | null {
  if (bytes === null) return 'is not there';
  const actual = sha256Of(bytes);
  return actual === sha256 ? null : `holds other bytes: their digest is ${actual}, not ${sha256}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
