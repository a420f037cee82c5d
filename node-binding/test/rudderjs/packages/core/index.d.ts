import type { MiddlewareHandler } from '@rudderjs/contracts'

export declare abstract class ServiceProvider {
  protected app: Application
  constructor(app: Application)
  abstract register(): void
  boot?(): void | Promise<void>
}

export declare class Application {
  config: Record<string, unknown>
  constructor(config?: Record<string, unknown>)
  instance(key: string, value: unknown): this
  make<T = unknown>(key: string): T
  boot(Provider: new (app: Application) => ServiceProvider): Promise<void>
  readonly groups: Record<'web' | 'api', MiddlewareHandler[]>
  readonly notices: { scope: string; message: string }[]
}

export declare function app(): Application
export declare function config<T = unknown>(key: string): T
export declare function appendToGroup(group: 'web' | 'api', handler: MiddlewareHandler): void
export declare function bootNotice(scope: string, message: string): void
export declare function forgetApplication(): void
