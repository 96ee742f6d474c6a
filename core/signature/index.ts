export type { SignatureAnswer, SignatureFile, SignatureFormat } from './answer.js';
export { judgeByPolicy, type SentPayload, type Subject, signatureFindings } from './judge.js';
export { NO_PAYLOADS, type PayloadList, type Policy, policyOfKeys } from './policy.js';
export { readSecretKey, type SecretKey } from './secret-key.js';
export { type Signed, signPayload } from './sign.js';
export { keyName, readTrustedKey, type TrustedKey } from './trusted-key.js';
export { answersOf } from './verify.js';
