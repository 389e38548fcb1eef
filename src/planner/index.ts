/** Door of the planner: what a model needs and how fast it can be, from first principles. */
export { H20_NODE, type Hardware } from './hardware.ts';
export { DEEPSEEK_V3, type ModelShape } from './model-shape.ts';
export { type StepFloor, type StepShape, stepFloorMicros } from './roofline.ts';
