/** What runs on the context of each page before it is rendered. */

const enhancers = []

export function registerPageContextEnhancer(enhancer) {
  enhancers.push(enhancer)
}

/** The context of a page, as it would be rendered now. */
export async function renderedPageContext() {
  const pageContext = {}
  for (const enhancer of enhancers) await enhancer(pageContext)
  return pageContext
}
