/** Where the story takes place. */
export const predictorNamespace = 'predictor'
export const predictorHost = 'predictor.windlass.test'
export const predictorContainer = 'predictor'
export const reconcilerNamespace = 'windlass-system'
export const predictorSelector = 'app.kubernetes.io/name=predictor'
export const reconcilerSelector = 'app.kubernetes.io/name=windlass'
