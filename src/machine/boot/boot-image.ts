/** What every loader gets and gives. */
import type { ByteSource } from "../../base/byte-source.ts";
import type { RamLayout } from "../memory-layout.ts";

export interface BootModule {
  readonly source: ByteSource;
  /** The string that goes with it; its file name and arguments. */
  readonly commandLine: string;
}

export interface BootRequest {
  readonly image: ByteSource;
  /** How the guest's command line names the image; only multiboot passes it. */
  readonly imageName?: string;
  /** Arguments for the guest; at most 4,095 bytes of UTF-8 without NUL. */
  readonly commandLine?: string;
  /** Multiboot modules; a Linux kernel takes the first as its initrd. */
  readonly modules?: readonly BootModule[];
  readonly ram: RamLayout;
  /** Paging levels at a 64-bit entry; 4 by default. */
  readonly levels?: 4 | 5;
  /** Physical address of the ACPI root pointer, 0 for none. */
  readonly rsdp?: number;
}
