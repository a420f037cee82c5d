type PageContext = { flash?: Record<string, unknown> }

export declare function registerPageContextEnhancer(
  enhancer: (pageContext: PageContext) => void | Promise<void>,
): void
export declare function renderedPageContext(): Promise<PageContext>
