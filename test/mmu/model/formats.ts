/**
 * The formats of the paging-structure entries, drawn bit for bit as the manual's tables give them
 * (SDM 3A, "Paging": the format tables of 32-bit, PAE, and 4-level and 5-level paging).
 */

export interface FormatField {
  readonly hi: number;
  readonly lo: number;
  readonly name: string;
}

function drawn(picture: string): readonly FormatField[] {
  return picture
    .trim()
    .split(/\s+/)
    .map((piece) => {
      const [bits = "", name = ""] = piece.split("=");
      const [hi = "", lo = hi] = bits.split(":");
      return { hi: Number(hi), lo: Number(lo), name };
    });
}

const RIGHTS = "4=PCD 3=PWT 2=US 1=RW 0=P";

export const FORMATS = {
  // 4-level and 5-level paging
  "PML5E or PML4E": drawn(
    `63=XD 62:52=ignored 51:12=address 11:8=ignored 7=reserved 6=ignored 5=A ${RIGHTS}`,
  ),
  "PDPTE or PDE of a table": drawn(
    `63=XD 62:52=ignored 51:12=address 11:8=ignored 7=PS 6=ignored 5=A ${RIGHTS}`,
  ),
  "PDPTE of a 1-GByte page": drawn(
    `63=XD 62:59=key 58:52=ignored 51:30=address 29:13=reserved 12=PAT
     11:9=ignored 8=G 7=PS 6=D 5=A ${RIGHTS}`,
  ),
  "PDE of a 2-MByte page": drawn(
    `63=XD 62:59=key 58:52=ignored 51:21=address 20:13=reserved 12=PAT
     11:9=ignored 8=G 7=PS 6=D 5=A ${RIGHTS}`,
  ),
  PTE: drawn(
    `63=XD 62:59=key 58:52=ignored 51:12=address 11:9=ignored 8=G 7=PAT 6=D 5=A ${RIGHTS}`,
  ),

  // PAE paging
  "PAE PDPTE": drawn(
    "63:52=reserved 51:12=address 11:9=ignored 8:5=reserved 4=PCD 3=PWT 2:1=reserved 0=P",
  ),
  "PAE PDE of a table": drawn(
    `63=XD 62:52=reserved 51:12=address 11:8=ignored 7=PS 6=ignored 5=A ${RIGHTS}`,
  ),
  "PAE PDE of a 2-MByte page": drawn(
    `63=XD 62:52=reserved 51:21=address 20:13=reserved 12=PAT
     11:9=ignored 8=G 7=PS 6=D 5=A ${RIGHTS}`,
  ),
  "PAE PTE": drawn(`63=XD 62:52=reserved 51:12=address 11:9=ignored 8=G 7=PAT 6=D 5=A ${RIGHTS}`),

  // 32-bit paging
  "32-bit PDE of a table": drawn(`31:12=address 11:8=ignored 7=PS 6=ignored 5=A ${RIGHTS}`),
  "32-bit PDE of a 4-MByte page": drawn(
    `31:22=address 21=reserved 20:13=address39:32 12=PAT
     11:9=ignored 8=G 7=PS 6=D 5=A ${RIGHTS}`,
  ),
  "32-bit PTE": drawn(`31:12=address 11:9=ignored 8=G 7=PAT 6=D 5=A ${RIGHTS}`),
} as const satisfies Record<string, readonly FormatField[]>;

export type FormatName = keyof typeof FORMATS;

export function fieldsOf(format: FormatName): readonly FormatField[] {
  return FORMATS[format];
}

/** Where `name` lies in `format`, if it has such a field. */
export function fieldNamed(format: FormatName, name: string): FormatField | undefined {
  return fieldsOf(format).find((candidate) => candidate.name === name);
}
