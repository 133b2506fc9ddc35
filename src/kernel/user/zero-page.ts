/** The page of zeroes that reads of untouched memory share: empty_zero_page in the kernel image. */
import { MIB } from "../../base/units.ts";

/** The image's last page (boot.ts maps the image at 16..48 MiB and gives it to nobody). */
export const ZERO_PAGE = 48 * MIB - 4096;

/** is_zero_pfn(): it has no count of references and belongs to nobody's memory. */
export function isZeroPage(physical: number): boolean {
  return physical === ZERO_PAGE;
}
