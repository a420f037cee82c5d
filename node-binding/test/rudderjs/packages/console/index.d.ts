export interface DoctorResult {
  status: 'ok' | 'warn' | 'error'
  message: string
  /** What to do about it. */
  fix?: string
}

export interface DoctorCheck {
  id: string
  category: string
  title: string
  run(): DoctorResult | Promise<DoctorResult>
}

export declare function registerDoctorCheck(check: DoctorCheck): void
export declare function registeredChecks(): DoctorCheck[]
