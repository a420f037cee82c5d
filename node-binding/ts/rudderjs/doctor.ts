/**
 * Tells `rudder doctor` what to look at. Imported for its effect; reads the environment only,
 * since the application is not booted.
 */

import { type DoctorResult, registerDoctorCheck } from '@rudderjs/console'
import { inProduction } from '../environment.js'
import { PLACEHOLDER_SECRET } from '../secret.js'

registerDoctorCheck({
  id: 'session:secret',
  category: 'auth',
  title: 'SESSION_SECRET',
  run: checkSecret,
})

registerDoctorCheck({
  id: 'session:cookie-secure',
  category: 'auth',
  title: 'SESSION_SECURE',
  run: checkCookie,
})

function checkSecret(): DoctorResult {
  const secret = process.env.SESSION_SECRET?.trim() ?? ''
  const hasAppKey = (process.env.APP_KEY?.trim() ?? '') !== ''
  if (secret === PLACEHOLDER_SECRET) {
    const message = `SESSION_SECRET is "${PLACEHOLDER_SECRET}", which is public`
    return hasAppKey
      ? { status: 'warn', message: `${message}; APP_KEY signs in its place`, fix: REMOVE_IT }
      : { status: 'error', message: `${message}: anybody can forge a session`, fix: SET_ONE }
  }
  if (secret === '') {
    return hasAppKey
      ? { status: 'ok', message: 'not set; APP_KEY signs the sessions' }
      : { status: 'error', message: 'neither SESSION_SECRET nor APP_KEY is set', fix: SET_ONE }
  }
  if (secret.length < MIN_LENGTH) {
    const message = `${secret.length} characters; at least ${MIN_LENGTH} are hard to guess`
    return { status: 'warn', message, fix: NEW_SECRET }
  }
  return { status: 'ok', message: `set, ${secret.length} characters` }
}

function checkCookie(): DoctorResult {
  if (!inProduction()) return { status: 'ok', message: 'not in production' }
  const secure = process.env.SESSION_SECURE?.trim().toLowerCase() ?? ''
  if (['1', 'true', 'yes', 'on'].includes(secure)) return { status: 'ok', message: 'on' }
  return {
    status: 'warn',
    message: 'session cookies also go over plain HTTP, where anybody on the way can read them',
    fix: 'Set SESSION_SECURE=true in the environment of production.',
  }
}

const MIN_LENGTH = 32
const NEW_SECRET = 'Set SESSION_SECRET to 32 random bytes or more: `openssl rand -base64 32`.'
const SET_ONE = 'Run `rudder key:generate`, which sets APP_KEY, or set SESSION_SECRET.'
const REMOVE_IT = 'Remove SESSION_SECRET from .env, or set one of your own.'
