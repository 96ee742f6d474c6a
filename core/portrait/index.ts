export {
  type PayloadPortrait,
  type Portrait,
  type PortraitSubject,
  portraitOf,
  type TextRange,
} from './portrait.js';
