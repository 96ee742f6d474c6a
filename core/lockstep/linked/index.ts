export { type LinkedHost, readLinkedHost } from './host.js';
export { judgeLibrary, type NamedFile, startProgram } from './judge.js';
