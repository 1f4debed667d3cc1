/** Where the workflow `release` pushes each program to. Of whatever else an environment names nothing is assumed. */
export const predictorRepository = 'predictor'
export const reconcilerRepository = 'windlass'
