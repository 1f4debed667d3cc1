import { stringify } from 'yaml'

/** Short, so that a person who watches the demo sees what just happened. */
const scrapeIntervalS = 5
/** Rules look back for minutes at least. */
const evaluationIntervalS = 15

/**
 * prometheus.yml for targets that {@link import('./targets.ts').podTargets} wrote into a file. Debian builds its
 * Prometheus without Kubernetes service discovery; discovery by file is what it offers programs that know more.
 * `ruleFiles` is a pattern.
 */
export function prometheusConfig(targetsFile: string, ruleFiles: string): string {
  return stringify({
    global: {
      scrape_interval: `${scrapeIntervalS}s`,
      scrape_timeout: `${scrapeIntervalS - 1}s`,
      evaluation_interval: `${evaluationIntervalS}s`,
    },
    rule_files: [ruleFiles],
    scrape_configs: [{ job_name: 'pods', file_sd_configs: [{ files: [targetsFile] }] }],
  })
}
