import { createHash, verify, type X509Certificate } from 'node:crypto';
import {
  type AsnType,
  Constructed,
  Enumerated,
  fromBER,
  Integer,
  Null,
  ObjectIdentifier,
  OctetString,
  Sequence,
  Set as SetOf,
} from 'asn1js';
import { keyName, type TrustedKey } from './trusted-key.js';

/** What an appended signature comes to: by which of the certificates, or why by none. */
export type CmsAnswer =
  | { readonly state: 'verified' | 'wrong'; readonly key: CertificateKey; readonly text: string }
  | { readonly state: 'untrusted' | 'damaged'; readonly key: null; readonly text: string };

type CertificateKey = Extract<TrustedKey, { readonly kind: 'x509' }>;

/** Thrown within this file, where the DER is not what RFC 5652 says. */
class NotCms extends Error {}

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const DATA = '1.2.840.113549.1.7.1';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';

/** Digests that count; SHA-1 and MD5 do not. */
const DIGESTS: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** Signature algorithms, with the kind of key and, where it is part of them, the digest. */
const ALGORITHMS: Readonly<Record<string, readonly [key: string, digest: string | null]>> = {
  '1.2.840.113549.1.1.1': ['rsa', null],
  '1.2.840.113549.1.1.11': ['rsa', 'sha256'],
  '1.2.840.113549.1.1.12': ['rsa', 'sha384'],
  '1.2.840.113549.1.1.13': ['rsa', 'sha512'],
  '1.2.840.10045.4.3.2': ['ec', 'sha256'],
  '1.2.840.10045.4.3.3': ['ec', 'sha384'],
  '1.2.840.10045.4.3.4': ['ec', 'sha512'],
};

/** Of a tag [0] and [1] in its context, as their first byte has it. */
const CONTEXT_CLASS = 3;
/** A SET, and the tag [0] that takes its place where attributes are signed (RFC 5652, 5.4). */
const SET_TAG = 0x31;

/**
 * Answers for a CMS SignedData (RFC 5652) without contents, as `openssl cms -sign -binary` and Linux's sign-file make it:
 * one signer, with signed attributes or without, RSA (PKCS #1 1.5) or ECDSA. The certificate is one that is trusted:
 * those in the signature, and dates, do not count.
 */
export function answerCms(
  signed: Uint8Array,
  der: Uint8Array,
  keys: readonly TrustedKey[],
): CmsAnswer {
  const certificates = keys.filter((key): key is CertificateKey => key.kind === 'x509');
  try {
    const signer = readSigner(der);
    const key = certificates.find(({ certificate }) => isOf(signer, certificate)) ?? null;
    if (key === null) {
      const what = `was made by a key that is not trusted: ${signer.name}`;
      return { state: 'untrusted', key, text: what };
    }
    const name = keyName(key);
    const isRight = isSigned(signed, signer, key);
    return isRight
      ? { state: 'verified', key, text: `is by ${name}` }
      : { state: 'wrong', key, text: `names ${name}, which did not sign these bytes` };
  } catch (error) {
    // What the ASN.1 reader throws at is no CMS either.
    const why = error instanceof NotCms ? error.message : 'it is no DER';
    return { state: 'damaged', key: null, text: `cannot be read: ${why}` };
  }
}

interface Signer {
  /** DER of the issuer and the serial number, or a key identifier. */
  readonly issuer: Buffer | null;
  readonly serial: Buffer | null;
  readonly keyIdentifier: Buffer | null;
  /** For people. */
  readonly name: string;
  readonly digest: string;
  readonly algorithm: readonly [key: string, digest: string | null];
  /** DER of the attributes as they are signed, and the digest that they hold; null where there are none. */
  readonly attributes: { readonly der: Buffer; readonly messageDigest: Buffer } | null;
  readonly signature: Buffer;
}

function readSigner(der: Uint8Array): Signer {
  const { result, offset } = fromBER(der);
  if (offset !== der.length) throw new NotCms(`it has ${der.length} bytes, and ${offset} are DER`);
  // Each value has one encoding in DER: what is read is what was signed.
  if (!Buffer.from(result.toBER()).equals(der)) throw new NotCms('it is no DER');
  const [type, content] = partsOf(result, Sequence, 2);
  if (oidOf(type) !== SIGNED_DATA) throw new NotCms('it is no SignedData');
  const [signedData] = partsOf(content, 0, 1);
  const parts = partsOf(signedData, Sequence, 4);
  const [version, digests, contents] = parts;
  const signers = parts.at(-1);
  // Certificates and lists of those that were withdrawn: they do not count.
  if (!parts.slice(3, -1).every((part) => isTagged(part, 0) || isTagged(part, 1))) {
    throw new NotCms('there is something between contents and signers');
  }
  const contentParts = partsOf(contents, Sequence, 1);
  if (oidOf(contentParts[0]) !== DATA || contentParts.length !== 1) {
    throw new NotCms('it holds contents of its own');
  }
  const [signer, ...others] = partsOf(signers, SetOf, 1);
  if (others.length > 0) throw new NotCms(`it has ${others.length + 1} signers, expected one`);
  const fields = [...partsOf(signer, Sequence, 5)];
  const ownVersion = fields.shift();
  const sid = fields.shift();
  const digestAlgorithm = fields.shift();
  const digest = DIGESTS[algorithmOf(digestAlgorithm)];
  if (digest === undefined) throw new NotCms('its digest is none of SHA-256, SHA-384, SHA-512');
  const named = partsOf(digests, SetOf, 1);
  if (named.length !== 1 || !derOf(named[0]).equals(derOf(digestAlgorithm))) {
    throw new NotCms('signer and header name other digests');
  }
  const attributes = isTagged(fields[0], 0) ? attributesOf(fields.shift()) : null;
  const algorithm = ALGORITHMS[algorithmOf(fields.shift())];
  if (algorithm === undefined) throw new NotCms('it is signed by neither RSA nor ECDSA');
  const [signature, ...unsigned] = fields;
  if (!(signature instanceof OctetString) || unsigned.length > 0) {
    throw new NotCms('it has attributes that nobody signed, or no signature');
  }
  const isByIdentifier = isTagged(sid, 0);
  const expected = isByIdentifier ? 3n : 1n;
  if (versionOf(version) !== expected || versionOf(ownVersion) !== expected) {
    throw new NotCms(`its version is not ${expected}`);
  }
  const [issuer, serial] = isByIdentifier ? [] : partsOf(sid, Sequence, 2);
  return {
    issuer: issuer === undefined ? null : derOf(issuer),
    serial: serial === undefined ? null : derOf(serial),
    keyIdentifier: isByIdentifier ? contentsOf(sid) : null,
    name: isByIdentifier
      ? `key identifier ${contentsOf(sid).toString('hex')}`
      : `serial number ${contentsOf(serial).toString('hex')}`,
    digest,
    algorithm,
    attributes,
    signature: contentsOf(signature),
  };
}

/** True where the signer names this certificate. */
function isOf({ issuer, serial, keyIdentifier }: Signer, { raw }: X509Certificate): boolean {
  const tbs = [...partsOf(partsOf(fromBER(raw).result, Sequence, 1)[0], Sequence, 6)];
  // The version is there but in the oldest ones.
  if (isTagged(tbs[0], 0)) tbs.shift();
  const [number, , name] = tbs;
  if (keyIdentifier === null) {
    return issuer?.equals(derOf(name)) === true && serial?.equals(derOf(number)) === true;
  }
  const extensions = tbs.find((part) => isTagged(part, 3));
  const list = extensions === undefined ? [] : partsOf(partsOf(extensions, 3, 1)[0], Sequence, 0);
  return list.some((extension) => {
    const [oid, ...values] = partsOf(extension, Sequence, 2);
    if (oidOf(oid) !== SUBJECT_KEY_IDENTIFIER) return false;
    const inner = fromBER(contentsOf(values.at(-1))).result;
    return contentsOf(inner).equals(keyIdentifier);
  });
}

function isSigned(bytes: Uint8Array, signer: Signer, { publicKey }: CertificateKey): boolean {
  const { digest, algorithm, attributes, signature } = signer;
  const [keyType, ownDigest] = algorithm;
  if (publicKey.asymmetricKeyType !== keyType) return false;
  if (ownDigest !== null && ownDigest !== digest) return false;
  if (attributes === null) return verify(digest, bytes, publicKey, signature);
  const found = createHash(digest).update(bytes).digest();
  return (
    found.equals(attributes.messageDigest) && verify(digest, attributes.der, publicKey, signature)
  );
}

function attributesOf(block: AsnType | undefined): NonNullable<Signer['attributes']> {
  const values = new Map<string, AsnType>();
  for (const attribute of partsOf(block, 0, 1)) {
    const [oid, set] = partsOf(attribute, Sequence, 2);
    const [value, ...others] = partsOf(set, SetOf, 1);
    const name = oidOf(oid);
    if (value === undefined || others.length > 0 || values.has(name)) {
      throw new NotCms('a signed attribute stands there twice');
    }
    values.set(name, value);
  }
  const type = values.get(CONTENT_TYPE);
  const digest = values.get(MESSAGE_DIGEST);
  if (type === undefined || oidOf(type) !== DATA || !(digest instanceof OctetString)) {
    throw new NotCms('its signed attributes name no digest of the contents');
  }
  const der = derOf(block);
  der[0] = SET_TAG;
  return { der, messageDigest: contentsOf(digest) };
}

/** The parts of a SEQUENCE, a SET or a tag of its context; at least that many. */
function partsOf(
  block: AsnType | undefined,
  kind: typeof Sequence | typeof SetOf | number,
  least: number,
): readonly AsnType[] {
  const isKind = typeof kind === 'number' ? isTagged(block, kind) : block instanceof kind;
  const isConstructed = block instanceof Constructed && block.idBlock.isConstructed;
  if (!isKind || !isConstructed || block.valueBlock.value.length < least) {
    throw new NotCms('a part is missing');
  }
  return block.valueBlock.value as readonly AsnType[];
}

function isTagged(block: AsnType | undefined, number: number): boolean {
  return block?.idBlock.tagClass === CONTEXT_CLASS && block.idBlock.tagNumber === number;
}

/** The identifier of an algorithm that takes no parameters. */
function algorithmOf(block: AsnType | undefined): string {
  const [oid, parameters, ...more] = partsOf(block, Sequence, 1);
  if ((parameters !== undefined && !(parameters instanceof Null)) || more.length > 0) {
    throw new NotCms('an algorithm has parameters');
  }
  return oidOf(oid);
}

function oidOf(block: AsnType | undefined): string {
  if (!(block instanceof ObjectIdentifier)) throw new NotCms('an identifier is missing');
  return block.getValue();
}

function versionOf(block: AsnType | undefined): bigint {
  // An ENUMERATED is an Integer to the reader.
  if (!(block instanceof Integer) || block instanceof Enumerated) {
    throw new NotCms('a version is missing');
  }
  return block.toBigInt();
}

/** Tag, length and contents; a copy. */
function derOf(block: AsnType | undefined): Buffer {
  if (block === undefined) throw new NotCms('a part is missing');
  return Buffer.from(block.toBER());
}

/** The contents alone, of what has no parts. */
function contentsOf(block: AsnType | undefined): Buffer {
  if (block?.idBlock.isConstructed !== false || !('valueHexView' in block.valueBlock)) {
    throw new NotCms('a value is missing');
  }
  return Buffer.from(block.valueBlock.valueHexView);
}
