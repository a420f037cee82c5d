// @ts-check
/**
 * What the page can do better where scripts run: figures that move, a place that stays.
 *
 * Without it everything works. It reads `/api/figures` and writes only into elements that name
 * a figure (`data-figure`, see views/figures.ts).
 */

import { count, dots, micros } from './drawing.js'

const INTERVAL_MS = 2000
const STRANGERS = 100
const AT_ONCE = 6

followFigures()
offerStrangers()
keepPlace()
announceNotice()

/** Brings the figures up to date while somebody can see them. */
function followFigures() {
  if (!document.getElementById('figures')) return
  let timer = 0
  const next = async () => {
    clearTimeout(timer)
    if (document.hidden) return
    await update()
    clearTimeout(timer)
    timer = setTimeout(next, INTERVAL_MS)
  }
  document.addEventListener('visibilitychange', next)
  next()
}

async function update() {
  try {
    const answer = await fetch('/api/figures')
    if (!answer.ok) throw new Error(String(answer.status))
    show(await answer.json())
    setLive('Figures every 2 seconds.')
  } catch {
    setLive('The server does not answer; these figures are old.')
  }
}

function show(figures) {
  for (const element of document.querySelectorAll('[data-figure]')) {
    const figure = element.getAttribute('data-figure') ?? ''
    const unit = element.getAttribute('data-unit')
    const value = figure.split('.').reduce((at, key) => at?.[key], figures)
    if (value === undefined) continue
    if (unit === 'dots') element.setAttribute('d', dots(value))
    else element.textContent = unit === 'count' ? count(value) : micros(value)
  }
}

/** A live region speaks when its text changes, so it is not set to what it says already. */
function setLive(text) {
  const live = document.getElementById('live')
  if (live && live.textContent !== text) live.textContent = text
}

/** A button that sends visits without the visitor's cookie: each one is a new session. */
function offerStrangers() {
  const button = document.getElementById('strangers')
  if (!(button instanceof HTMLButtonElement)) return
  button.hidden = false
  button.addEventListener('click', async () => {
    button.disabled = true
    let left = STRANGERS
    const visit = async () => {
      while (left-- > 0) await fetch('/', { credentials: 'omit' }).catch(() => {})
    }
    await Promise.all(Array.from({ length: AT_ONCE }, visit))
    await update()
    button.disabled = false
  })
}

/** Returns to the same spot and the same control after a form was sent. */
function keepPlace() {
  const saved = sessionStorage.getItem('place')
  sessionStorage.removeItem('place')
  if (saved) {
    const { top, id } = JSON.parse(saved)
    // Without this the browser goes on to the section that the address names.
    history.replaceState(null, '', location.pathname)
    scrollTo({ top, behavior: 'instant' })
    document.getElementById(successor(id))?.focus({ preventScroll: true })
  }
  document.addEventListener('submit', ({ submitter }) => {
    const place = { top: scrollY, id: submitter?.id ?? '' }
    sessionStorage.setItem('place', JSON.stringify(place))
  })
}

/** The control that has taken the place of the one that was used. */
function successor(id) {
  if (document.getElementById(id)) return id
  if (id === 'login') return 'logout'
  if (id === 'logout') return 'name'
  return id.replace(/^(less|none)-/, 'more-')
}

/** Live regions speak only of what changes, and this message came with the page. */
function announceNotice() {
  const message = document.querySelector('.notice p')
  const region = message?.parentElement
  if (!message || !region) return
  message.remove()
  requestAnimationFrame(() => region.append(message))
}
