/** Ends the engine process rather than let a wrong assumption limp on. */
export function assertThat(sound: boolean, broken: string): void {
  if (!sound) throw new Error(broken);
}
