export { type PageTarget, pageOf, pictureOf } from './page.js';
export { dotFile, type Picture, pictureFile } from './picture.js';
