import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { TerminalSize } from './terminal.ts'

export interface PageSize {
  readonly width: number
  readonly height: number
}

/** The window, the whole page where that is longer, or one element. */
export type Extent = 'window' | 'page' | { readonly element: string }

/** Debian's Chromium without a window. It knows the hosts that it is given and their addresses, and can visit nothing else. */
export async function openBrowser(hosts: Readonly<Record<string, string>>): Promise<Browser> {
  const known = Object.entries(hosts).flatMap(([host, address]) => [`MAP ${host} ${address}`, `EXCLUDE ${address}`])
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // It is for pages that we serve ourselves; as root its sandbox does not start.
      '--no-sandbox',
      `--host-resolver-rules=${[...known, 'MAP * ~NOTFOUND'].join(', ')}`,
    ],
  })
}

/** Opens a page, makes it ready, and answers a PNG of its window, or of all that `show` says is to be seen. */
export async function takePicture(
  browser: Browser,
  size: PageSize,
  show: (page: Page) => Promise<Extent>,
): Promise<Buffer> {
  const page = await browser.newPage({ viewport: size, colorScheme: 'light' })
  try {
    const extent = await show(page)
    const options = { type: 'png', animations: 'disabled' } as const
    if (typeof extent === 'object') return await page.locator(extent.element).screenshot(options)
    return await page.screenshot({ ...options, fullPage: extent === 'page' })
  } finally {
    await page.close()
  }
}

/** What a terminal of that size shows of all that was printed on it, by the emulator of VS Code. */
export function takeTerminal(browser: Browser, printed: string, { columns, rows }: TerminalSize): Promise<Buffer> {
  return takePicture(browser, { width: 1600, height: 2000 }, async (page) => {
    await page.setContent(terminalPage)
    await page.addStyleTag({ path: join(xterm, 'css', 'xterm.css') })
    await page.addScriptTag({ path: join(xterm, 'lib', 'xterm.js') })
    await page.addScriptTag({ content: draw })
    await page.evaluate(`draw(${JSON.stringify(printed)}, ${columns}, ${rows})`)
    return { element: '#terminal' }
  })
}

const xterm = dirname(createRequire(import.meta.url).resolve('@xterm/xterm/package.json'))

const terminalPage = `<!doctype html>
<style>
  #terminal { display: inline-block; padding: 14px 18px; background: #1b1f27; }
  .xterm-viewport { overflow: hidden !important; }
</style>
<div id="terminal"></div>`

/** In the end as many rows as were written, and no cursor. */
const draw = `function draw(printed, columns, rows) {
  const terminal = new Terminal({
    cols: columns, rows, scrollback: 10000, convertEol: true,
    fontFamily: 'DejaVu Sans Mono', fontSize: 13, lineHeight: 1.15,
    theme: { background: '#1b1f27', foreground: '#d7dae0', brightBlack: '#8b93a3', green: '#8fc76b', yellow: '#e2c06d', blue: '#6aa7e8', cyan: '#5fc0c8', red: '#e5707a' },
  })
  terminal.open(document.getElementById('terminal'))
  return new Promise((resolve) => {
    terminal.write(printed + '\\x1b[?25l', () => {
      const { baseY, cursorY } = terminal.buffer.active
      terminal.resize(columns, baseY + cursorY + 1)
      terminal.scrollToTop()
      requestAnimationFrame(() => requestAnimationFrame(resolve))
    })
  })
}`
