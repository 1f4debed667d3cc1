/** Whether this process wants traffic. It begins wanting, and never wants again once it drains. */
export interface Lifecycle {
  readonly isDraining: boolean
  beginDraining(): void
}

export function createLifecycle(): Lifecycle {
  let isDraining = false
  return {
    get isDraining() {
      return isDraining
    },
    beginDraining: () => {
      isDraining = true
    },
  }
}
