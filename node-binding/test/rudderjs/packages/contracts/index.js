/** Types only. */
export {}
