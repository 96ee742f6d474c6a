const NT_GNU_BUILD_ID = 3;

/** The bytes of a note that holds a build-id, as the linker writes them. */
export function buildIdNote(buildId: string): Buffer {
  const id = Buffer.from(buildId, 'hex');
  const note = Buffer.alloc(16 + Math.ceil(id.length / 4) * 4);
  note.writeUInt32LE(4, 0);
  note.writeUInt32LE(id.length, 4);
  note.writeUInt32LE(NT_GNU_BUILD_ID, 8);
  note.write('GNU\0', 12, 'latin1');
  id.copy(note, 16);
  return note;
}

/** An id that no hypervisor and no payload has. */
export const NOWHERE_ID = `${'00'.repeat(16)}deadbeef`;

/**
 * What a signed kernel module ends in: the start of a PKCS#7 SignedData, struct module_signature
 * (id type 2 at byte 2, length of the signature big-endian at 8) and the magic line. It signs nothing.
 */
export function moduleSignatureTrailer(): Buffer {
  const signedData = Buffer.from('3015060a2a864886f70d010702a0073005020101310000', 'hex');
  const header = Buffer.alloc(12);
  header.writeUInt8(2, 2);
  header.writeUInt32BE(signedData.length, 8);
  return Buffer.concat([signedData, header, Buffer.from('~Module signature appended~\n')]);
}
