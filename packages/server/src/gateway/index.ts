export { type AdmittedCall, type PipelineDependencies, runPipeline } from './pipeline.js';
