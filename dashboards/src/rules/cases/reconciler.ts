import type { AlertCase, Fired, Series } from './alert-case.ts'

const delivery = { delivery_namespace: 'shop', delivery: 'web' }
const ofPod = (pod: string): string => `delivery_namespace="shop",delivery="web",pod="${pod}"`
const ofDelivery = ofPod('a')

const why = 'the Delivery is paused by anna: incident'
const pausedTooLong = (message: string): Fired => ({
  labels: { ...delivery, message },
  summary: 'Delivery shop/web has been paused for more than 4 hours.',
  description: `${message}. Nothing new is released meanwhile; perhaps the pause was forgotten.`,
})
const paused = (isPaused: string, since: string): Series => ({
  [`windlass_delivery_pause_info{${ofDelivery},message="${why}"}`]: isPaused,
  [`windlass_delivery_paused_since_timestamp_seconds{${ofDelivery}}`]: since,
})
const stalled = (isStalled: string, isContested: string): Series => ({
  [`windlass_delivery_stalled{${ofDelivery}}`]: isStalled,
  [`windlass_delivery_drift_contested{${ofDelivery}}`]: isContested,
})
const tooOld = { labels: delivery, summary: 'The registry has not been read completely for shop/web for too long.' }
const nextPoll = (at: string, pod = 'a'): Series => ({ [`windlass_next_poll_timestamp_seconds{${ofPod(pod)}}`]: at })
const lastPoll = (at: string, pod = 'a'): Series => ({
  [`windlass_last_good_poll_timestamp_seconds{${ofPod(pod)}}`]: at,
})
const known = (isThere: string, isStalled?: string): Series => ({
  [`windlass_delivery_info{${ofDelivery},repository="contoso.azurecr.io/web"}`]: isThere,
  ...(isStalled !== undefined && { [`windlass_delivery_stalled{${ofDelivery}}`]: isStalled }),
})
const states = (ready: string, rolledBack: string): Series => ({
  [`windlass_delivery_state{${ofDelivery},state="ready"}`]: ready,
  [`windlass_delivery_state{${ofDelivery},state="rolledBack"}`]: rolledBack,
})
const pushes = (within: string, all: string, bound = '300'): Series => ({
  [`windlass_push_to_ready_seconds_bucket{${ofDelivery},le="${bound}"}`]: within,
  [`windlass_push_to_ready_seconds_count{${ofDelivery}}`]: all,
})
const leaders = (a: string, b: string): Series => ({
  'windlass_leader{job="windlass",pod="a"}': a,
  'windlass_leader{job="windlass",pod="b"}': b,
})
const polls = (unchanged: string, failed: string, registry = 'contoso.azurecr.io'): Series => ({
  [`windlass_polls_total{pod="a",registry="${registry}",result="unchanged"}`]: unchanged,
  [`windlass_polls_total{pod="a",registry="${registry}",result="failed"}`]: failed,
})
const missing = (polled: string): Series => ({
  'windlass_polls_total{pod="a",registry="contoso.azurecr.io",result="notFound"}': polled,
})
const contosoFails = {
  labels: { registry: 'contoso.azurecr.io' },
  summary: 'More than half of the polls of contoso.azurecr.io fail.',
}

const ofDeliveries: readonly AlertCase[] = [
  {
    alert: 'WindlassDeliveryStalled',
    says: 'it stalls',
    series: stalled('0 1x12', '0x13'),
    at: '10m',
    fires: [{ labels: delivery, summary: 'Delivery shop/web is stalled.' }],
  },
  {
    alert: 'WindlassDeliveryStalled',
    says: 'another replica leads since, of which nothing was seen for a minute',
    series: {
      ...stalled('1 1 1 1 stale', '0 0 0 0 stale'),
      'windlass_delivery_stalled{delivery_namespace="shop",delivery="web",pod="b"}': '_ _ _ _ _ 1x8',
      'windlass_delivery_drift_contested{delivery_namespace="shop",delivery="web",pod="b"}': '_ _ _ _ _ 0x8',
    },
    at: '7m',
    fires: [{ labels: delivery, summary: 'Delivery shop/web is stalled.' }],
  },
  { alert: 'WindlassDeliveryStalled', says: 'it passes', series: stalled('0 1 1 1 0x9', '0x12'), at: '10m', fires: [] },
  {
    alert: 'WindlassDeliveryStalled',
    says: 'another alert says more',
    series: stalled('1x12', '1x12'),
    at: '10m',
    fires: [],
  },
  {
    alert: 'WindlassDeliveryWaiting',
    says: 'its manifests never come, and another replica leads since',
    series: {
      [`windlass_delivery_state{${ofDelivery},state="waiting"}`]: '0 1x14 _x25',
      'windlass_delivery_state{delivery_namespace="shop",delivery="web",pod="b",state="waiting"}': '_x15 1x25',
    },
    at: '35m',
    fires: [{ labels: delivery, summary: 'Delivery shop/web has been waiting for somebody for more than 30 minutes.' }],
  },
  {
    alert: 'WindlassDeliveryWaiting',
    says: 'they came after a quarter of an hour',
    series: { [`windlass_delivery_state{${ofDelivery},state="waiting"}`]: '0 1x14 0x25' },
    at: '35m',
    fires: [],
  },
  {
    alert: 'WindlassDeliveryWaiting',
    says: 'it is paused',
    series: {
      [`windlass_delivery_state{${ofDelivery},state="paused"}`]: '1x40',
      [`windlass_delivery_state{${ofDelivery},state="waiting"}`]: '0x40',
    },
    at: '35m',
    fires: [],
  },
  {
    alert: 'WindlassDeliveryRolledBack',
    says: 'the last good release runs again',
    series: states('1 0x3', '0 1x3'),
    at: '2m',
    fires: [{ labels: delivery, summary: 'The newest release of shop/web failed; the last good one runs again.' }],
  },
  {
    alert: 'WindlassDeliveryRolledBack',
    says: 'a newer one came',
    series: states('0 1x6', '1 0x6'),
    at: '5m',
    fires: [],
  },
  {
    alert: 'WindlassDeliveryPausedTooLong',
    says: 'since four hours and more',
    series: paused('1x300', '60x300'),
    at: '4h4m',
    fires: [pausedTooLong(why)],
  },
  {
    alert: 'WindlassDeliveryPausedTooLong',
    says: 'somebody gives another reason, and each of both is told for two minutes',
    series: {
      ...paused('1x242 stale', '60x300'),
      [`windlass_delivery_pause_info{${ofDelivery},message="freeze"}`]: '_x243 1x50',
    },
    at: '4h4m',
    fires: [why, 'freeze'].map(pausedTooLong),
  },
  {
    alert: 'WindlassDeliveryPausedTooLong',
    says: 'not as long yet',
    series: paused('1x300', '3600x300'),
    at: '4h4m',
    fires: [],
  },
  {
    alert: 'WindlassDeliveryPausedTooLong',
    says: 'it was, until a quarter of an hour ago',
    series: paused('1x230 stale', '60x230 0x70'),
    at: '4h4m',
    fires: [],
  },
  {
    alert: 'WindlassDeliveryPinnedTooLong',
    says: 'since a day and more, and another replica leads since',
    series: {
      [`windlass_delivery_pinned{${ofDelivery}}`]: '1x1000 _x500',
      'windlass_delivery_pinned{delivery_namespace="shop",delivery="web",pod="b"}': '_x1001 1x499',
    },
    at: '24h5m',
    fires: [{ labels: delivery, summary: 'Delivery shop/web has been pinned for more than a day.' }],
  },
  {
    alert: 'WindlassDeliveryPinnedTooLong',
    says: 'it was unpinned and pinned again meanwhile',
    series: { [`windlass_delivery_pinned{${ofDelivery}}`]: '1x1000 0x3 1x499' },
    at: '24h5m',
    fires: [],
  },
  {
    alert: 'WindlassDriftContested',
    says: 'another hand does not stop',
    series: stalled('1x3', '1x3'),
    at: '2m',
    fires: [{ labels: delivery, summary: 'Another hand undoes what shop/web delivers, again and again.' }],
  },
  {
    alert: 'WindlassDriftContested',
    says: 'it stalls for something else',
    series: stalled('1x3', '0x3'),
    at: '2m',
    fires: [],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'the next poll was to come a quarter of an hour ago',
    series: nextPoll('90x40'),
    at: '25m',
    fires: [tooOld],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'none has succeeded since the start',
    series: { ...nextPoll('0x20'), ...known('1x20', '0x20') },
    at: '10m',
    fires: [tooOld],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'another leads since, and has not read it either',
    series: { ...nextPoll('90x25 stale'), ...lastPoll('60x25 stale'), ...nextPoll('_x26 1560x10', 'b') },
    at: '33m',
    fires: [tooOld],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'another leads since, and reads it',
    series: { ...nextPoll('30+60x8 stale'), ...nextPoll('_x9 600+60x10', 'b'), ...lastPoll('_x9 570+60x10', 'b') },
    at: '16m',
    fires: [],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'nothing was ever pushed there, which the registry says each time',
    series: { ...nextPoll('30+60x20'), ...known('1x20', '0x20') },
    at: '10m',
    fires: [],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'it is stalled, and polled: what would mend it is not seen',
    series: { ...nextPoll('90x40'), ...known('1x40', '1x40') },
    at: '25m',
    fires: [tooOld],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'it is stalled by what ends its polls, too: another alert tells',
    series: { ...nextPoll('90x5 stale'), ...known('1x40', '0x5 1x35') },
    at: '25m',
    fires: [],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'it is being deleted',
    series: { ...nextPoll('90x5 stale'), ...known('1x5 stale', '0x40') },
    at: '25m',
    fires: [],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'it stalled before it was ever polled',
    series: known('1x20', '1x20'),
    at: '10m',
    fires: [],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'polls go on',
    series: { ...nextPoll('30+60x40'), ...known('1x40') },
    at: '25m',
    fires: [],
  },
  {
    alert: 'WindlassPollTooOld',
    says: 'it is polled once an hour',
    series: { ...nextPoll('3600x59 7200x30'), ...known('1x90') },
    at: '85m',
    fires: [],
  },
  {
    alert: 'WindlassPushToReadySlow',
    says: 'one of two releases was slow',
    series: pushes('0 0 1 1 1', '0 0 1 2 2'),
    at: '4m',
    fires: [{ labels: delivery, summary: 'Releases of shop/web take too long from push to ready.' }],
  },
  { alert: 'WindlassPushToReadySlow', says: 'none was', series: pushes('0 0 1 2 2', '0 0 1 2 2'), at: '4m', fires: [] },
  {
    alert: 'WindlassPushToReadySlow',
    says: 'none was, and Prometheus 3 writes the bound',
    series: pushes('0 0 1 2 2', '0 0 1 2 2', '300.0'),
    at: '4m',
    fires: [],
  },
  { alert: 'WindlassPushToReadySlow', says: 'there was no release', series: pushes('0x5', '0x5'), at: '4m', fires: [] },
]

const ofProcess: readonly AlertCase[] = [
  {
    alert: 'WindlassNoLeader',
    says: 'none leads',
    series: leaders('1 0x8', '0x9'),
    at: '5m',
    fires: [{ labels: {}, summary: '0 replicas of the reconciler lead, where one should.' }],
  },
  {
    alert: 'WindlassNoLeader',
    says: 'two lead',
    series: leaders('1x8', '1x8'),
    at: '5m',
    fires: [{ labels: {}, summary: '2 replicas of the reconciler lead, where one should.' }],
  },
  {
    alert: 'WindlassNoLeader',
    says: 'another took over within a minute',
    series: leaders('1 1 0x8', '0 0 0 1x7'),
    at: '6m',
    fires: [],
  },
  {
    alert: 'WindlassNoLeader',
    says: 'both pods are scraped by their annotations, too',
    series: {
      ...leaders('1x9', '0x9'),
      'windlass_leader{job="kubernetes-pods",pod="a"}': '1x9',
      'windlass_leader{job="kubernetes-pods",pod="b"}': '0x9',
    },
    at: '6m',
    fires: [],
  },
  {
    alert: 'WindlassRegistryFailing',
    says: 'three of four polls fail',
    series: polls('0+1x30', '0+3x30'),
    at: '20m',
    fires: [contosoFails],
  },
  {
    alert: 'WindlassRegistryFailing',
    says: 'one of two registries is away, and is polled less often for that',
    series: { ...polls('9x30', '0+1x30'), ...polls('0+4x30', '0x30', 'fabrikam.azurecr.io') },
    at: '20m',
    fires: [contosoFails],
  },
  {
    alert: 'WindlassRegistryFailing',
    says: 'one of ten does',
    series: polls('0+9x30', '0+1x30'),
    at: '20m',
    fires: [],
  },
  {
    alert: 'WindlassRegistryFailing',
    says: 'of the one repository that there is nothing was pushed yet',
    series: { ...polls('0x30', '0x30'), ...missing('0+2x30') },
    at: '20m',
    fires: [],
  },
  {
    alert: 'WindlassRegistryFailing',
    says: 'all polls fail but those of repositories to which nothing was pushed yet',
    series: { ...polls('0x30', '0+2x30'), ...missing('0+4x30') },
    at: '20m',
    fires: [contosoFails],
  },
  { alert: 'WindlassRegistryFailing', says: 'nothing is polled', series: polls('5x30', '5x30'), at: '20m', fires: [] },
  {
    alert: 'WindlassInternalError',
    says: 'a bug within the hour',
    series: { 'windlass_bugs_total{pod="a"}': '0 0 1x20' },
    at: '20m',
    fires: [{ labels: { pod: 'a' }, summary: 'The reconciler a met a bug of its own.' }],
  },
  {
    alert: 'WindlassInternalError',
    says: 'none',
    series: { 'windlass_bugs_total{pod="a"}': '2x20' },
    at: '20m',
    fires: [],
  },
  {
    alert: 'WindlassMetricsAbsent',
    says: 'there are none',
    series: {},
    at: '15m',
    fires: [{ labels: { job: 'windlass' }, summary: 'Prometheus has no metrics of the reconciler.' }],
  },
  {
    alert: 'WindlassMetricsAbsent',
    says: 'one replica has them',
    series: { 'windlass_reconciles_total{job="windlass",pod="a",result="done"}': '0x20' },
    at: '15m',
    fires: [],
  },
]

export const reconcilerCases: readonly AlertCase[] = [...ofDeliveries, ...ofProcess]
