export { answerStart, type LinkedSide, type StartFacts, stemOf } from './answer.js';
export { familyVerdicts, needsFamily } from './families.js';
export { type LinkedHost, readLinkedHost } from './host.js';
export { judgeLibrary, type NamedFile, startFacts, startProgram, UNVERSIONED } from './judge.js';
