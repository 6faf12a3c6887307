// SPDX-License-Identifier: MIT OR Apache-2.0

// Dark or light: as the system says, until a person chooses.

const KEY = 'theme'
const dark = matchMedia('(prefers-color-scheme: dark)')

export function startTheme (button) {
  let chosen = stored()
  const show = () => {
    const theme = chosen ?? (dark.matches ? 'dark' : 'light')
    document.documentElement.dataset.theme = theme
    button.setAttribute('aria-pressed', theme === 'dark')
  }
  button.addEventListener('click', () => {
    chosen = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'
    store(chosen)
    show()
  })
  dark.addEventListener('change', show)
  show()
}

// Storage may be turned off.
function stored () {
  try {
    return localStorage.getItem(KEY) ?? undefined
  } catch {
    return undefined
  }
}

function store (theme) {
  try {
    localStorage.setItem(KEY, theme)
  } catch {}
}
