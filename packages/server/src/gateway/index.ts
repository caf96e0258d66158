export { type AdmittedCall, type PipelineDependencies, type ProtectedCall, runPipeline } from './pipeline.js';
