/** Collects the checks that `rudder doctor` runs. */

const checks = new Map()

export function registerDoctorCheck(check) {
  checks.set(check.id, check)
}

export function registeredChecks() {
  return [...checks.values()]
}
