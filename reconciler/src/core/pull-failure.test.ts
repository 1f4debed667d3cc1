import t from 'tap'
import { classifyPull, pullDetail } from './pull-failure.ts'

const image = 'registry.windlass.test/app@sha256:401403429503'
const unpack = `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": `
const resolve = `${unpack}failed to resolve reference "${image}": `

t.test('only an answer that the image is not there is the fault of the release', (t) => {
  const notFound = [
    `${resolve}${image}: not found`,
    `${unpack}no match for platform in manifest: not found`,
    `${unpack}failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:1 from remote: not found`,
    `reading manifest sha256:1 in ${image}: manifest unknown`,
  ]
  for (const message of notFound) t.equal(classifyPull(message), 'notFound', message)
  const others = [
    '',
    `${resolve}pull access denied, repository does not exist or may require authorization: server message: invalid_token: authorization failed`,
    `${resolve}pulling from host registry.windlass.test failed with status code [manifests sha256:1]: 429 Too Many Requests`,
    `${resolve}failed to do request: Head "https://registry.windlass.test/v2/": x509: certificate signed by unknown authority`,
    `${resolve}failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://login: 404 Not Found`,
    `${unpack}failed to extract layer sha256:1: failed to get reader from content store: content digest sha256:1: not found`,
  ]
  for (const message of others) t.equal(classifyPull(message), 'other', message)
  t.end()
})

t.test('a detail is the same however often it was tried', (t) => {
  const message = `${resolve}${image}: not found`
  t.equal(pullDetail(message), `${image}: not found`)
  t.equal(pullDetail(`Back-off pulling image "${image}": ErrImagePull: ${message}`), `${image}: not found`)
  t.equal(pullDetail(`Back-off pulling image "${image}"`), '')
  t.end()
})
