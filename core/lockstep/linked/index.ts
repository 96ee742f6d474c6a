export { answerStart, type LinkedSide, type StartFacts, stemOf } from './answer.js';
export { type LinkedHost, readLinkedHost } from './host.js';
export { judgeLibrary, type NamedFile, startFacts, startProgram } from './judge.js';
