// SPDX-License-Identifier: MIT OR Apache-2.0

// Elements without markup in strings, so that nothing a peer says can become markup.

const SVG = 'http://www.w3.org/2000/svg'

// el('button.quiet', { type: 'button', onclick }, 'Ping')
export function el (name, properties = {}, ...children) {
  const [tag, ...classes] = name.split('.')
  const element = document.createElement(tag)
  if (classes.length > 0) element.className = classes.join(' ')
  return fill(element, properties, children)
}

export function svg (tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children)
}

function fill (element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else if (value === true) element.setAttribute(key, '')
    else if (value !== false && value != null) element.setAttribute(key, value)
  }
  element.append(...children.filter(child => child != null))
  return element
}

export function byId (id) {
  return document.getElementById(id)
}

// Sets a text only if it differs, so that screen readers do not hear it again.
export function setText (element, text) {
  if (element.textContent !== text) element.textContent = text
}
