/** What changes without anybody asking, for whoever listens instead of looks. */

import { signal } from "@preact/signals";

const said = signal("");

export function announce(text: string): void {
  said.value = text;
}

export const Announcement = () => (
  <p id="announcement" class="unseen" role="status" aria-live="polite">
    {said.value}
  </p>
);
