export { timestamptzType } from './types/timestamps.ts'
