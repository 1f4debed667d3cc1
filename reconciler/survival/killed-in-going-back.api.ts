import { scenarios } from './kill-scenarios.ts'
import { surviveKills } from './kills.ts'

await surviveKills(scenarios.goingBack)
