import t from 'tap'
import { maskSecrets } from './mask.ts'

const mask = maskSecrets({ GH_TOKEN: 'very-secret-value', HOME: '/root/long-enough', API_KEY: 'short' })

const secrets: Readonly<Record<string, readonly [text: string, secret: string]>> = {
  'a JSON Web Token': ['token eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl is here', 'eyJ'],
  'an access token of az': ['{\n  "accessToken": "abc.def-ghi", "expiresOn": "2026"}', 'abc.def-ghi'],
  'a password in JSON': ['{"password":"hunter2 and more","name":"x"}', 'hunter2'],
  'a header': ['Authorization: Bearer abcdefghijkl', 'abcdefghijkl'],
  'a shared access signature': ['https://x.blob.core.windows.net/c?sv=2025&sig=a%2Fb%3D&se=1', 'a%2Fb%3D'],
  'a key of a storage account': [`key: ${'A'.repeat(86)}==`, 'AAAA'],
  'a key of a kubeconfig': ['    client-key-data: LS0tLS1CRUdJTiBS', 'LS0tLS1CRUdJTiBS'],
  'a token of GitHub': [`remote: ghp_${'a1'.repeat(18)} was used`, 'ghp_a1'],
  'an argument': ['gh auth login --token abcdef', 'abcdef'],
  'a private key': ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----', 'MIIE'],
  'a value of the environment': ['the value is very-secret-value.', 'very-secret-value'],
}

for (const [name, [text, secret]] of Object.entries(secrets)) {
  t.test(`hidden: ${name}`, async (t) => {
    t.notMatch(mask(text), secret)
    t.match(mask(text), '***')
  })
}

t.test('what is no secret stays readable', async (t) => {
  for (const text of [
    'az role assignment create --assignee-object-id 9d4f6b2a-1c3e-4d5f-8a7b-6c5d4e3f2a1b',
    `crwindlass.azurecr.io/windlass@sha256:${'ab'.repeat(32)}`,
    '{"name": "tfstate", "id": "/subscriptions/x"}',
    'short and /root/long-enough',
  ]) {
    t.equal(mask(text), text)
  }
})
