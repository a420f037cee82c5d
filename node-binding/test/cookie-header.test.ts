/** The first cookie of the name is the cookie, and its value is taken as sent. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findCookie } from '../dist/cookie-header.js'

const cases: [claim: string, header: string, value: string | undefined][] = [
  ['an empty header has no cookie', '', undefined],
  ['a cookie is found between others', 'a=1; sid=x; b=2', 'x'],
  ['the first match wins, even when it is empty', 'sid=; sid=y', ''],
  ['quotes are part of the value', 'sid="a"', '"a"'],
  ['a semicolon ends a value, even within quotes', 'sid="a;b"', '"a'],
  ['white space around name and value is cut', '\tsid\t=\tx\u00a0', 'x'],
  ['only the first equals sign divides', 'sid=a=b==', 'a=b=='],
  ['a longer name is another name', 'xsid=1; sidx=2', undefined],
  ['names are compared exactly', 'SID=x', undefined],
  ['a part without an equals sign is no cookie', 'sid; sid=x', 'x'],
  ['a comma divides nothing', 'a=1,sid=x', undefined],
  ['percent signs are not decoded', 'sid=%41', '%41'],
  ['parts may be empty', ';;;sid=x;;;', 'x'],
]
for (const [claim, header, value] of cases) {
  test(claim, () => {
    assert.equal(findCookie(header, 'sid'), value)
  })
}
