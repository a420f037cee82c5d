/** Runs a command to its end, and answers how it ended. */

import { execFile } from 'node:child_process'

export interface Ended {
  code: number
  stdout: string
  stderr: string
}

export function run([command = '', ...args]: string[], cwd: string, env = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: 120_000 }
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}
