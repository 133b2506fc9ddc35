/** The check folder's share of the public surface: the page-table checker and what it looks at. */
export { Checker } from "./checker.ts";
export { FINDING_RULES, type Finding, type FindingRule } from "./finding.ts";
export type {
  AddressSpaceView,
  EntryChange,
  FrameUse,
  KeptTranslation,
  PageTableObserver,
  TopTable,
} from "./view.ts";
