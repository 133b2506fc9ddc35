/** What generated code knows of the linear memory. */
export interface ModuleLayout {
  /** Host addresses. */
  readonly state: number;
  readonly blockTable: number;
  readonly memoryPages: number;
}
