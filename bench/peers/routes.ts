import type { RouteName } from './names.ts'
import type { NewPost } from './peer.ts'
import { newPost, readUser } from './workloads.ts'

/** How many connections a load has. */
export const httpConnections = 16

/** A request of a load. */
export interface LoadRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: NewPost
}

export interface Route {
  readonly title: string
  readonly writes?: true
  request(turn: number): LoadRequest
}

const pageLength = 20

export const routes: Readonly<Record<RouteName, Route>> = {
  'http-get': {
    title: 'GET /users/:id',
    request: (turn) => ({ method: 'GET', path: `/users/${readUser(turn)}` }),
  },
  'http-list': {
    title: `GET /posts?limit=${pageLength} with authors`,
    request: (turn) => ({
      method: 'GET',
      path: `/posts?limit=${pageLength}&after=${((turn * 7919) % 2000) * pageLength}`,
    }),
  },
  'http-post': {
    title: 'POST /posts: lock, insert, update, commit',
    writes: true,
    request: (turn) => ({ method: 'POST', path: '/posts', body: newPost(turn) }),
  },
}
